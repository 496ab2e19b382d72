import { Root, type INamespace } from 'protobufjs';

const text = (id: number) => ({ id, type: 'string' });
const bytes = (id: number) => ({ id, type: 'bytes' });
const time = (id: number) => ({ id, type: 'fixed64' });
const message = (id: number, type: string) => ({ id, type });
const list = (id: number, type: string) => ({ id, type, rule: 'repeated' });

/**
 * The messages of OTLP by the numbers of their fields, as https://github.com/open-telemetry/opentelemetry-proto has them
 * (`trace/v1/trace.proto`, `common/v1/common.proto`): the packages that send them can only write them.
 */
const MESSAGES: INamespace = {
  nested: {
    Request: { fields: { resourceSpans: list(1, 'ResourceSpans') } },
    ResourceSpans: { fields: { resource: message(1, 'Resource'), scopeSpans: list(2, 'ScopeSpans') } },
    Resource: { fields: { attributes: list(1, 'KeyValue') } },
    ScopeSpans: { fields: { scope: message(1, 'Scope'), spans: list(2, 'Span') } },
    Scope: { fields: { name: text(1), version: text(2) } },
    Span: {
      fields: {
        traceId: bytes(1),
        spanId: bytes(2),
        traceState: text(3),
        parentSpanId: bytes(4),
        name: text(5),
        kind: message(6, 'int32'),
        startTimeUnixNano: time(7),
        endTimeUnixNano: time(8),
        attributes: list(9, 'KeyValue'),
        links: list(13, 'Link'),
        status: message(15, 'Status'),
      },
    },
    Link: { fields: { traceId: bytes(1), spanId: bytes(2) } },
    Status: { fields: { message: text(2), code: message(3, 'int32') } },
    KeyValue: { fields: { key: text(1), value: message(2, 'AnyValue') } },
    AnyValue: {
      oneofs: { value: { oneof: ['stringValue', 'boolValue', 'intValue', 'doubleValue'] } },
      fields: {
        stringValue: text(1),
        boolValue: message(2, 'bool'),
        intValue: message(3, 'int64'),
        doubleValue: message(4, 'double'),
      },
    },
  },
};

const REQUEST = Root.fromJSON(MESSAGES).lookupType('Request');

/** A request in protobuf as OTLP has it in JSON: ids in hexadecimal, 64-bit numbers as text. */
export function requestOf(body: Buffer): object {
  const read = REQUEST.toObject(REQUEST.decode(body), { longs: String });
  return JSON.parse(JSON.stringify(read, asHexadecimal)) as object;
}

/** `Buffer` has become what its `toJSON` returns before a replacer sees it, so the holder is asked. */
function asHexadecimal(this: Record<string, unknown>, key: string, value: unknown): unknown {
  const held = this[key];
  return held instanceof Uint8Array ? Buffer.from(held).toString('hex') : value;
}
