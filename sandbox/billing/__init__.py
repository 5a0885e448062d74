"""The billing system: `system` is its rules, `outbox` its payments on their way to Kafka, `invoice_pdf` what a dealer
is sent, `face` its wire, `fake` the port in process, `kafka` and `bridge` what stands between it and a function that
takes its payments; `python -m sandbox.billing` runs it."""
