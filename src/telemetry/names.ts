/**
 * Attribute and metric names of the OpenTelemetry semantic conventions 1.45 that this stage uses. Written out rather
 * than imported: the incubating entry point of the package costs 30 ms of every start. A test compares both.
 */
export const A = {
  clientAddress: 'client.address',
  errorType: 'error.type',
  exceptionMessage: 'exception.message',
  exceptionStacktrace: 'exception.stacktrace',
  exceptionType: 'exception.type',
  faasColdstart: 'faas.coldstart',
  faasCron: 'faas.cron',
  faasInstance: 'faas.instance',
  faasInvocationId: 'faas.invocation.id',
  faasInvocationStartTime: 'faas.invocation.start_time',
  faasInvokedName: 'faas.invoked_name',
  faasInvokedProvider: 'faas.invoked_provider',
  faasMaxMemory: 'faas.max_memory',
  faasName: 'faas.name',
  faasTrigger: 'faas.trigger',
  faasVersion: 'faas.version',
  httpMethod: 'http.request.method',
  httpMethodOriginal: 'http.request.method_original',
  httpRequestBodySize: 'http.request.body.size',
  httpResponseBodySize: 'http.response.body.size',
  httpRoute: 'http.route',
  httpStatus: 'http.response.status_code',
  messagingBodySize: 'messaging.message.body.size',
  messagingDestination: 'messaging.destination.name',
  messagingMessageId: 'messaging.message.id',
  messagingOperationName: 'messaging.operation.name',
  messagingOperationType: 'messaging.operation.type',
  messagingSystem: 'messaging.system.name',
  serverAddress: 'server.address',
  serverPort: 'server.port',
  urlFull: 'url.full',
  urlPath: 'url.path',
  urlQuery: 'url.query',
  urlScheme: 'url.scheme',
  userAgent: 'user_agent.original',
} as const;

/** Ours: what no convention has a name for. */
export const OWN = {
  attempt: 'isolane.attempt',
  billedMs: 'isolane.billed_ms',
  cpuMs: 'isolane.cpu_ms',
  duplicateOf: 'isolane.duplicate_of',
  limit: 'isolane.limit',
  limitAllowed: 'isolane.limit.allowed',
  limitUsed: 'isolane.limit.used',
  outcome: 'isolane.outcome',
  provider: 'isolane.webhook.provider',
  queueMs: 'isolane.queue_ms',
  requestId: 'isolane.request.id',
  status: 'isolane.status',
  subrequests: 'isolane.subrequests',
  tenant: 'isolane.tenant',
  trigger: 'isolane.trigger',
  warnings: 'isolane.warnings',
} as const;

export const M = {
  faasColdstarts: 'faas.coldstarts',
  faasCpuUsage: 'faas.cpu_usage',
  faasErrors: 'faas.errors',
  faasInitDuration: 'faas.init_duration',
  faasInvocations: 'faas.invocations',
  faasInvokeDuration: 'faas.invoke_duration',
  faasTimeouts: 'faas.timeouts',
  httpServerDuration: 'http.server.request.duration',
} as const;

/** `messaging.system.name` of the webhook inbox, `faas.invoked_provider` of service calls. */
export const SYSTEM = 'isolane';

/** RFC 9110, PATCH and QUERY; anything else is `_OTHER` and bounded so. */
export const KNOWN_METHODS: readonly string[] = [
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'DELETE',
  'CONNECT',
  'OPTIONS',
  'TRACE',
  'PATCH',
  'QUERY',
];
