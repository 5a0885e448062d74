"""The exchange's name of each chain of the custody. A chain that is not here is never guessed: what is sent on a wrong
network is lost. Pure."""

from __future__ import annotations

BY_CHAIN = {
    "c6d0c728-2624-429b-8e0d-d9d19b6592fa": "BTC",
    "43d61dcd-e413-450d-80b8-101d5e903357": "ERC20",
    "25dabac5-056a-48ff-b9f9-f67395dc407c": "TRC20",
    "1949e683-6a08-49e2-b087-d6b72398588f": "BSC",
    "b7938396-3f94-4e0a-9179-d3440718156f": "MATIC",
    "76c802a2-7c88-447f-a93e-c29c9e5dd9c8": "LTC",
    "6cfe566e-4aad-470b-8c9a-2fd35b49c68d": "EOS",
    "23dfb5a5-5d7b-48b6-905f-3970e3176e27": "XRP",
    "6770a1e5-6086-44d5-b60f-545f9d9e8ffd": "DOGE",
    "fd11b6e3-0b87-41f1-a41f-f0e9b49e5bf0": "BCH",
    "64692c23-8971-4cf4-84a7-4dd1271dd887": "SOL",
    "cbc77539-0a20-4666-8c8a-4ded62b36f0a": "AVAXC",
    "8c590110-1abc-3697-84f2-05214e6516aa": "ARBITRUM",
    "60360611-370c-3b69-9826-b13db93f6aba": "OPTIMISM",
}


class ChainUnknown(Exception):
    """The exchange's name of a chain is not known."""

    def __init__(self, chain_id: str) -> None:
        super().__init__(f"the exchange's network of chain {chain_id} is not known")


def network(chain_id: str) -> str:
    """Raises ChainUnknown."""
    try:
        return BY_CHAIN[chain_id]
    except KeyError:
        raise ChainUnknown(chain_id) from None
