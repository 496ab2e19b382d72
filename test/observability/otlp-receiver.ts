import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { waitFor } from '../support/wait';
import { requestOf } from './otlp-messages';

/** A span as OTLP/HTTP sends it in JSON: the members that tests read. */
export interface ReceivedSpan {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  kind: number;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  attributes: Attribute[];
  links?: { traceId: string; spanId: string }[];
  status?: { code?: number; message?: string };
}

interface Attribute {
  key: string;
  value: { stringValue?: string; intValue?: number | string; boolValue?: boolean; doubleValue?: number };
}

interface Export {
  resourceSpans: { resource: { attributes: Attribute[] }; scopeSpans: { spans: ReceivedSpan[] }[] }[];
}

export interface OtlpReceiver {
  /** For `OTEL_EXPORTER_OTLP_ENDPOINT`. */
  endpoint: string;
  spans: ReceivedSpan[];
  /** What the last request said of its sender. */
  resource: Attribute[];
  /** The content type of each request. */
  types: (string | undefined)[];
  /** Spans of a trace, once there is one that fits. */
  traceWith(traceId: string, fits: (spans: ReceivedSpan[]) => boolean): Promise<ReceivedSpan[]>;
  /** From now on requests are read and get no response, until the function that it returns is called. */
  hold(): () => void;
  close(): Promise<void>;
}

const READERS: Readonly<Record<string, (body: Buffer) => unknown>> = {
  'application/json': (body) => JSON.parse(body.toString('utf8')) as unknown,
  'application/x-protobuf': requestOf,
};

/** Receives spans as a collector does, in both formats of OTLP over HTTP. Other requests get 404 and 415. */
export async function openOtlpReceiver(): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = [];
  let held = Promise.resolve();
  const server = createServer((request, response) => {
    const type = request.headers['content-type'];
    receiver.types.push(type);
    const read = READERS[type ?? ''];
    void buffer(request).then(async (body) => {
      await held;
      if (request.url !== '/v1/traces' || !read) {
        response.writeHead(read ? 404 : 415).end();
        return;
      }
      // The exporter's format; what a test looks for is missing where it is another.
      for (const { resource, scopeSpans } of (read(body) as Export).resourceSpans) {
        receiver.resource = resource.attributes;
        for (const scope of scopeSpans) spans.push(...scope.spans);
      }
      // A response without a member is no byte in protobuf.
      response.writeHead(200, { 'content-type': type }).end(type === 'application/json' ? '{}' : '');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const ofTrace = (traceId: string) => spans.filter((span) => span.traceId === traceId);
  const receiver: OtlpReceiver = {
    // A server that listens on TCP has an address of this shape.
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    resource: [],
    types: [],
    async traceWith(traceId, fits) {
      await waitFor(() => fits(ofTrace(traceId)));
      return ofTrace(traceId);
    },
    hold() {
      let release = (): void => undefined;
      held = new Promise((resolve) => (release = resolve));
      return () => release();
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return receiver;
}

/** The names of a span and of those above it, from the top. */
export function pathOf(span: ReceivedSpan, spans: readonly ReceivedSpan[]): string[] {
  const parent = spans.find(({ spanId }) => spanId === span.parentSpanId);
  return [...(parent ? pathOf(parent, spans) : []), span.name];
}
