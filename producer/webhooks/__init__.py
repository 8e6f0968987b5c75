"""Telling other services that a job has ended: signed, tried again with ever longer pauses, given up in the end.

    ledger ──take──► deliverer ──► secrets, payload, signing ──► post ──► step ──settle──► ledger

What is sent is as https://www.standardwebhooks.com says. Part of the gateway, for a worker's main process may have no
threads and a slot none to spare; as many gateways as there are may deliver beside each other.
"""
