"""`desk`: the operator's command line. It speaks to the desk's HTTP API and to nothing else, and knows no rule of it.

__main__    the options of all commands
commands    the commands, a module for each group
connection  which desk is meant, and who is asking
logins      who has logged in, kept for the next command
browser     signing in at the user pool's page; `callback` is where it comes back to
user_pool   the user pool's own API: signing in by password, renewing, revoking
api         requests, and what their answers mean
errors      everything that can be in the way
story       an order's life in one line of time; pure
output      how all that looks to a person
"""
