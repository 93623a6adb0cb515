import { Webhook } from 'standardwebhooks';

const webhook = new Webhook(process.env.WEBHOOK_SECRET);

export function verify(rawBody, headers) {
  return webhook.verify(rawBody, headers); // throws if it is not from the gateway
}
