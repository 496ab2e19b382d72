import { Registry } from 'prom-client';
import { createLogger } from '../../platform/telemetry/log';
import { openTracer, type TraceSettings } from '../../platform/telemetry/open-telemetry';
import type { Tracer } from '../../platform/telemetry/tracer';
import { waitFor } from '../support/wait';
import { openOtlpReceiver, type OtlpReceiver } from './otlp-receiver';

const PARENT = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
const LINKED = '00-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-bbbbbbbbbbbbbbbb-01';
const QUEUE = 40;
const BATCH = 10;

let receiver: OtlpReceiver;
let registry: Registry;
const tracers: Tracer[] = [];
beforeEach(async () => {
  // Read by OpenTelemetry's SDK.
  Object.assign(process.env, {
    OTEL_BSP_SCHEDULE_DELAY: '20',
    OTEL_BSP_MAX_QUEUE_SIZE: String(QUEUE),
    OTEL_BSP_MAX_EXPORT_BATCH_SIZE: String(BATCH),
    OTEL_EXPORTER_OTLP_TIMEOUT: '1500',
  });
  receiver = await openOtlpReceiver();
  registry = new Registry();
});
afterEach(async () => {
  await Promise.all(tracers.splice(0).map((tracer) => tracer.close()));
  await receiver.close();
});

async function open(
  settings: Partial<TraceSettings> & Pick<TraceSettings, 'OTEL_EXPORTER_OTLP_PROTOCOL'>,
): Promise<Tracer> {
  const tracer = await openTracer(
    { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint, ...settings },
    { service: 'holdfast-test', version: '7', registry, log: createLogger('silent') },
  );
  tracers.push(tracer);
  return tracer;
}

async function counted(): Promise<{ sent: number; failed: number; dropped: number }> {
  const text = await registry.metrics();
  const of = (outcome: string) =>
    Number(new RegExp(`^holdfast_trace_spans_total\\{outcome="${outcome}"\\} (\\d+)$`, 'm').exec(text)?.[1]);
  return { sent: of('sent'), failed: of('failed'), dropped: of('dropped') };
}

function record(tracer: Tracer, spans: number): void {
  for (let n = 0; n < spans; n++) tracer.begin('work', { parent: PARENT }).end();
}

describe.each([
  ['http/protobuf', 'application/x-protobuf'],
  ['http/json', 'application/json'],
] as const)('by %s', (protocol, type) => {
  test('a collector gets every member of a span as it was recorded', async () => {
    const tracer = await open({ OTEL_EXPORTER_OTLP_PROTOCOL: protocol });
    const before = BigInt(Date.now()) * 1_000_000n;
    const span = tracer.begin('GET /products/{sku} ü', {
      kind: 'server',
      parent: PARENT,
      links: [LINKED],
      attributes: { text: 'Grüße', count: 12, share: 0.25, isNew: true },
    });
    span.end({ more: -3 }, Object.assign(new Error('a value of the request'), { code: 'OUT_OF_STOCK' }));
    tracer.record({
      name: 'workflow orderSaga',
      traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-1111111111111111-01',
      parent: PARENT,
      startedAt: 1_700_000_000_123,
      endedAt: 1_700_000_001_000,
      attributes: {},
      failed: false,
    });
    const [first, second, ...rest] = await receiver.traceWith(
      '4bf92f3577b34da6a3ce929d0e0e4736',
      (spans) => spans.length >= 2,
    );
    expect(rest).toEqual([]);
    const [, , spanId] = span.traceparent.split('-');
    expect(first).toMatchObject({
      spanId,
      parentSpanId: '00f067aa0ba902b7',
      name: 'GET /products/{sku} ü',
      kind: 2,
      links: [{ traceId: 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', spanId: 'bbbbbbbbbbbbbbbb' }],
      status: { code: 2, message: 'OUT_OF_STOCK' },
    });
    const values = Object.fromEntries(
      (first?.attributes ?? []).map(({ key, value }) => [key, Object.values(value).map(String)]),
    );
    expect(values).toEqual({
      text: ['Grüße'],
      count: ['12'],
      share: ['0.25'],
      isNew: ['true'],
      more: ['-3'],
      'error.type': ['OUT_OF_STOCK'],
    });
    const [startedAt, endedAt] = [BigInt(first?.startTimeUnixNano ?? 0), BigInt(first?.endTimeUnixNano ?? 0)];
    // The clock of spans and that of `Date` may differ by a millisecond.
    expect(startedAt).toBeGreaterThanOrEqual(before - 2_000_000n);
    expect(endedAt).toBeGreaterThanOrEqual(startedAt);
    expect(endedAt).toBeLessThanOrEqual((BigInt(Date.now()) + 2n) * 1_000_000n);
    expect(second).toMatchObject({
      spanId: '1111111111111111',
      kind: 1,
      startTimeUnixNano: '1700000000123000000',
      endTimeUnixNano: '1700000001000000000',
    });
    expect(receiver.resource).toEqual(
      expect.arrayContaining([
        { key: 'service.name', value: { stringValue: 'holdfast-test' } },
        { key: 'service.namespace', value: { stringValue: 'holdfast' } },
        { key: 'service.version', value: { stringValue: '7' } },
      ]),
    );
    expect(new Set(receiver.types)).toEqual(new Set([type]));
    await waitFor(async () => (await counted()).sent === 2);
  });

  test('one that does not respond blocks nothing: what it does not take in time and what waits beyond the limit is counted', async () => {
    const release = receiver.hold();
    const tracer = await open({ OTEL_EXPORTER_OTLP_PROTOCOL: protocol });
    record(tracer, BATCH);
    // A full batch is handed over at once, and the next waits until the outcome of this one is known.
    await waitFor(() => receiver.types.length === 1);
    record(tracer, QUEUE + 7);
    expect(await counted()).toEqual({ sent: 0, failed: 0, dropped: 7 });
    await waitFor(async () => (await counted()).failed >= BATCH);
    release();
    await waitFor(async () => {
      const { sent, failed } = await counted();
      return sent > 0 && sent + failed === BATCH + QUEUE;
    });
    record(tracer, 1);
    await waitFor(async () => {
      const { sent, failed, dropped } = await counted();
      return dropped === 7 && sent + failed === BATCH + QUEUE + 1;
    });
  });

  test('one that is away loses spans, which is counted', async () => {
    const away = await openOtlpReceiver();
    await away.close();
    const tracer = await open({
      OTEL_EXPORTER_OTLP_ENDPOINT: away.endpoint,
      OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
    });
    record(tracer, 3);
    await waitFor(async () => (await counted()).failed === 3);
    record(tracer, 3);
    await tracer.close();
    expect(await counted()).toEqual({ sent: 0, failed: 6, dropped: 0 });
  });

  test('what has waited is sent at the end', async () => {
    process.env['OTEL_BSP_SCHEDULE_DELAY'] = '60000';
    const tracer = await open({ OTEL_EXPORTER_OTLP_PROTOCOL: protocol });
    record(tracer, BATCH - 1);
    await tracer.close();
    expect(receiver.spans).toHaveLength(BATCH - 1);
    expect(await counted()).toEqual({ sent: BATCH - 1, failed: 0, dropped: 0 });
  });
});

test('the counts are there where nothing is traced', async () => {
  const tracer = await open({
    OTEL_EXPORTER_OTLP_ENDPOINT: undefined,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
  });
  expect(tracer.isOn).toBe(false);
  expect(await counted()).toEqual({ sent: 0, failed: 0, dropped: 0 });
});
