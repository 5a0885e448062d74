"""`desk`: the operator's command line. It speaks to the desk's HTTP API and to nothing else, and knows no rule of it.

__main__    the options of all commands
commands    the commands, a module for each group
connection  which desk is meant, and who is asking
api         requests, and what their answers mean
errors      everything that can be in the way
story       an order's life in one line of time; pure
output      how all that looks to a person
"""
