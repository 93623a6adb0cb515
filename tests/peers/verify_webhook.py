import os

from standardwebhooks.webhooks import Webhook

webhook = Webhook(os.environ["WEBHOOK_SECRET"])


def verify(raw_body: bytes, headers: dict) -> dict:
    return webhook.verify(raw_body, headers)  # raises if it is not from the gateway
