"""The subcommands, one per file. `vedette.cli` imports a file when its command is called."""
