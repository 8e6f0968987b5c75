"""How a model is run fastest on this machine, measured: its engine plan (`contract.engine_plan`).

    thoroughness.py  how much is done to find it
    protocol.py      what a child is asked, and what it reports
    child.py         times several ways by turns in a process of its own, and compares what they find
    pictures.py      what they are shown
    alike.py         whether two ways find the same                              pure
    turns.py         how many images a turn has, and when turns are enough       pure
    order.py         which ways are timed next, and which one is the plan        pure
    search.py        the rounds in order: what others call

Ways are always timed by turns with the model as it was exported: whatever else the machine does then meets all of them
alike.
"""
