/** Sources of invocations besides HTTP: webhooks with a durable inbox, and schedules. */
export { Cron, type CronFunction, type CronOptions } from './cron.ts';
export {
  type DeliveryAttempt,
  type InvokeAnswer,
  type Receipt,
  type WebhookAnswer,
  type WebhookRequest,
  Webhooks,
  type WebhooksOptions,
} from './webhooks.ts';
