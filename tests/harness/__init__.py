"""What tests stand on: a table in memory, everything that goes wrong around it, and what it costs.

    memory        a small DynamoDB, shaped like a botocore client          schema   what its tables look like
    faults        refused, lost, conflicting, throttled, late, crashed calls, by plan or by chance
    interleave    several writers, one step at a time, every order playable again          clock   virtual time
    crash_matrix  every call of a use case × every fault, with the user's retry
    meter         requests and units of a piece of code, by AWS's published rules          capacity   the rules
    differential  the same random operations on the table and on moto, or any other engine

The table from the inside: `requests` (form), `values` (wire and kept), `expressions` (grammar), `plans`, `binding`,
`conditions`, `updates` (meaning), `writes`, `transactions`, `searching` (what is done), `storage` (where).
"""
