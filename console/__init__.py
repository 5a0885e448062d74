"""`desk`: the operator's command line. It speaks to the desk's HTTP API and to nothing else.

__main__   the commands
where      which desk is meant, and who is asking
api        requests, and what their answers mean
failure    everything that can be in the way
story      an order's life in one line of time, and what can be done about it; pure
shown      how all that looks to a person
"""
