"""The roof: the `vedette` command, `vedette up` and the demo. It imports both wings."""
