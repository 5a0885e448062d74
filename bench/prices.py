"""What AWS asks for in us-east-1: list prices of November 2026 in US dollars, without any free tier. Prices stand in
this place only.
"""

from __future__ import annotations

from decimal import Decimal

DATED = "November 2026"
MILLION = 1_000_000
GIGABYTE = 10**9

WRITE_UNIT = Decimal("0.625") / MILLION  # DynamoDB, on demand
READ_UNIT = Decimal("0.125") / MILLION
API_REQUEST = Decimal("1.00") / MILLION  # HTTP API
INVOCATION = Decimal("0.20") / MILLION  # Lambda
LAMBDA_GIB_SECOND = Decimal("0.0000133334")  # on arm64
TRANSITION = Decimal("25.00") / MILLION  # Step Functions, Standard
EXPRESS_REQUEST = Decimal("1.00") / MILLION  # Step Functions, Express
EXPRESS_GIB_SECOND = Decimal("0.00001667")
EXPRESS_MIB = 64  # the least that an execution is billed with, and more than ours hold
EXPRESS_STEP_MS = 100
LOG_BYTE = Decimal("0.50") / GIGABYTE  # CloudWatch, taken in
INFREQUENT_LOG_BYTE = Decimal("0.25") / GIGABYTE  # of the class Infrequent Access
LOG_EVENT_BYTES = 26  # that CloudWatch adds to each line
TRACE = Decimal("5.00") / MILLION  # X-Ray, recorded
TRACED = Decimal("0.05")  # of executions, by X-Ray's own rule, beyond one a second

# A month.
METRIC = Decimal("0.30")
ALARM = Decimal("0.10")
DASHBOARD = Decimal("3.00")
SECRET = Decimal("0.40")
KEY = Decimal("1.00")  # of KMS; after its first rotation one more, and after its second: then it stays
BACKUP_GIGABYTE = Decimal("0.10")  # of a table, kept by AWS Backup
WEB_ACL = Decimal("5.00")
WEB_ACL_RULE = Decimal("1.00")  # a group of rules is one, too
