"""The door for every other language: HTTP. Needs the extra `gateway`; `producer` itself never imports this package.

    caller ── HTTP ──► app ──► one router for each noun ──► backend ──► Client, Ledger ──► Redis ──► workers

app.py        which routers, middlewares and error handlers make up the application
backend.py    what the routers ask: the producer's Client, the ledger, the limits
errors.py     every error as {"code", "message"}, and the one table of HTTP statuses
limits.py     how large a request may be
schemas.py    what goes in and out, as OpenAPI tells it
jobs.py, results.py, events.py, catalog.py, health.py    routers
serve.py      uvicorn, and where it may listen

Calls of Redis block, so they run in threads: `def` endpoints, or `threads.call` where an endpoint waits.
"""
