import { randomBytes } from 'node:crypto';
import type { Context, Link, SpanContext } from '@opentelemetry/api';
import type { IdGenerator, SpanExporter } from '@opentelemetry/sdk-trace-base';
import type { Registry } from 'prom-client';
import type { Settings } from '../config';
import { isAppError, messageOf } from '../errors';
import { withTimeout } from '../with-timeout';
import { currentTrace, formatTraceparent, parseTraceparent } from './context';
import { countedSpans, createSpanCounter } from './counted-spans';
import type { Logger } from './log';
import { NO_TRACER, type SpanOptions, type Tracer } from './tracer';

export type TraceSettings = Pick<Settings, 'OTEL_EXPORTER_OTLP_ENDPOINT' | 'OTEL_EXPORTER_OTLP_PROTOCOL'>;

const CLOSE_MS = 5_000;
/** Spans that may wait to be sent, unless `OTEL_BSP_MAX_QUEUE_SIZE` says otherwise: the SDK's own default. */
const WAITING_SPANS = 2_048;

/**
 * The tracer of a process: on where `OTEL_EXPORTER_OTLP_ENDPOINT` is set. Everything else (headers, sampler, resource, batches) is set by
 * OpenTelemetry's own variables, which its SDK reads. The SDK is loaded only where it is on.
 *
 * @param service `service.name`, unless `OTEL_SERVICE_NAME` says otherwise
 * @param registry where spans are counted by what became of them
 */
export async function openTracer(
  settings: TraceSettings,
  { service, version, registry, log }: { service: string; version: string; registry: Registry; log: Logger },
): Promise<Tracer> {
  const count = createSpanCounter(registry);
  const { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint } = settings;
  if (endpoint === undefined) return NO_TRACER;
  const [api, core, sdk, resources] = await Promise.all([
    import('@opentelemetry/api'),
    import('@opentelemetry/core'),
    import('@opentelemetry/sdk-trace-base'),
    import('@opentelemetry/resources'),
  ]);
  const ids = createIds();
  const resource = resources
    .defaultResource()
    .merge(
      resources.resourceFromAttributes({
        'service.namespace': 'holdfast',
        'service.name': service,
        'service.version': version,
      }),
    )
    // What is set wins.
    .merge(resources.detectResources({ detectors: [resources.envDetector] }));
  const provider = new sdk.BasicTracerProvider({
    resource,
    idGenerator: ids,
    spanProcessors: [
      countedSpans(await exporterTo(endpoint, settings.OTEL_EXPORTER_OTLP_PROTOCOL), {
        limit: core.getNumberFromEnv('OTEL_BSP_MAX_QUEUE_SIZE') ?? WAITING_SPANS,
        isSent: ({ code }) => code === core.ExportResultCode.SUCCESS,
        isSampled: (flags) => (flags & api.TraceFlags.SAMPLED) !== 0,
        batch: (exporter) => new sdk.BatchSpanProcessor(exporter),
        count,
        log,
      }),
    ],
  });
  api.diag.setLogger(
    diagnosticsTo(log),
    // What cannot be sent is a warning of ours, not one for each span.
    { logLevel: api.DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
  const tracer = provider.getTracer('holdfast', version);
  const kinds = {
    internal: api.SpanKind.INTERNAL,
    server: api.SpanKind.SERVER,
    client: api.SpanKind.CLIENT,
    producer: api.SpanKind.PRODUCER,
    consumer: api.SpanKind.CONSUMER,
  } as const;

  function parentOf(traceparent: string | undefined): Context {
    const parent = contextOf(traceparent);
    return parent ? api.trace.setSpanContext(api.ROOT_CONTEXT, parent) : api.ROOT_CONTEXT;
  }

  return {
    isOn: true,
    begin(
      name,
      {
        kind = 'internal',
        parent = currentTrace(),
        links = [],
        attributes = {},
        startedAt,
      }: SpanOptions = {},
    ) {
      const span = tracer.startSpan(
        name,
        {
          kind: kinds[kind],
          attributes: { ...attributes },
          links: links.flatMap(asLink),
          ...(startedAt === undefined ? {} : { startTime: startedAt }),
        },
        parentOf(parent),
      );
      const { traceId, spanId, traceFlags: flags } = span.spanContext();
      return {
        traceparent: formatTraceparent({ traceId, spanId, flags }),
        rename: (to) => void span.updateName(to),
        end(more = {}, failure) {
          span.setAttributes({ ...more });
          if (failure !== undefined) {
            span.setAttribute('error.type', typeOf(failure));
            // The message may have values of the request.
            span.setStatus({ code: api.SpanStatusCode.ERROR, message: typeOf(failure) });
          }
          span.end();
        },
      };
    },
    record({ name, traceparent, parent, startedAt, endedAt, attributes, failed }) {
      const own = parseTraceparent(traceparent);
      if (!own) return;
      const span = ids.withSpanId(own.spanId, () =>
        tracer.startSpan(name, { attributes: { ...attributes }, startTime: startedAt }, parentOf(parent)),
      );
      if (failed) span.setStatus({ code: api.SpanStatusCode.ERROR });
      span.end(endedAt);
    },
    async close() {
      const sent = provider
        .shutdown()
        .catch((error: unknown) => log.warn({ err: error }, 'the last spans were not sent'));
      if ((await withTimeout(sent, CLOSE_MS)) === 'late') log.warn('the last spans were not sent in time');
    },
  };

  function asLink(traceparent: string): Link[] {
    const context = contextOf(traceparent);
    return context ? [{ context }] : [];
  }
}

async function exporterTo(
  endpoint: string,
  protocol: TraceSettings['OTEL_EXPORTER_OTLP_PROTOCOL'],
): Promise<SpanExporter> {
  const url = `${endpoint.replace(/\/+$/, '')}/v1/traces`;
  const { OTLPTraceExporter } =
    protocol === 'http/json'
      ? await import('@opentelemetry/exporter-trace-otlp-http')
      : await import('@opentelemetry/exporter-trace-otlp-proto');
  return new OTLPTraceExporter({ url });
}

function contextOf(traceparent: string | undefined): SpanContext | undefined {
  const ids = parseTraceparent(traceparent);
  return ids && { traceId: ids.traceId, spanId: ids.spanId, traceFlags: ids.flags, isRemote: true };
}

/** A code, where there is one: it says what went wrong without the values that it was about. */
function typeOf(failure: unknown): string {
  if (isAppError(failure)) return failure.code;
  if (
    typeof failure === 'object' &&
    failure !== null &&
    'code' in failure &&
    typeof failure.code === 'string'
  )
    return failure.code;
  return failure instanceof Error ? failure.name : messageOf(failure);
}

/** Random ids, and one that is given, for a span that ran elsewhere. */
function createIds(): IdGenerator & { withSpanId<T>(spanId: string, work: () => T): T } {
  let given: string | undefined;
  return {
    generateTraceId: () => randomBytes(16).toString('hex'),
    generateSpanId: () => given ?? randomBytes(8).toString('hex'),
    withSpanId(spanId, work) {
      given = spanId;
      try {
        return work();
      } finally {
        given = undefined;
      }
    },
  };
}

type Diagnose = (message: string, ...args: unknown[]) => void;

function diagnosticsTo(log: Logger): Record<'error' | 'warn' | 'info' | 'debug' | 'verbose', Diagnose> {
  const at =
    (level: 'warn' | 'debug'): Diagnose =>
    (message) =>
      log[level]({ part: 'traces' }, message);
  return { error: at('warn'), warn: at('warn'), info: at('debug'), debug: at('debug'), verbose: at('debug') };
}
