import type { Payload } from '@temporalio/common';
import { payloadKeysOf } from '../../platform/config';
import { createPayloadCodec } from '../../platform/temporal/payload-codec';
import { ADMINS } from '../http/access';
import { CODEC_BASE } from '../http/paths';
import { withSecret } from '../http/response';
import { route, type Route, type RouteDocs } from '../http/route';
import { payloads, sentPayloads, type SentPayload } from '../schemas/codec';
import type { ApiContext } from '../services/context';

/** A page of a history, which Temporal sends in at most 4 MiB, in Base64. */
const BODY_LIMIT_BYTES = 16_777_216;

/** Temporal's codec protocol, for administrators at its web UI and command line: the keys stay here. */
export function codecRoutes({ settings }: Pick<ApiContext, 'settings'>): Route[] {
  const codec = createPayloadCodec(payloadKeysOf(settings));
  return [
    codecRoute({
      path: `${CODEC_BASE}/decode`,
      summary: 'Decrypt payloads of workflows',
      description:
        "Temporal's codec protocol: name the address without `/decode` as its codec endpoint. Payloads that are not encrypted come back as they are. Pages of `TEMPORAL_UI_ORIGINS` may call it.",
      problems: ['PAYLOAD_NOT_READABLE'],
      convert: (given) => codec.decode(given),
    }),
    codecRoute({
      path: `${CODEC_BASE}/encode`,
      summary: 'Encrypt payloads for workflows',
      description: 'What is sent to a workflow by hand, such as the input of a query.',
      convert: (given) => codec.encode(given),
    }),
  ];
}

function codecRoute({
  convert,
  ...docs
}: Pick<RouteDocs, 'path' | 'summary' | 'description' | 'problems'> & {
  convert(payloads: Payload[]): Promise<Payload[]>;
}): Route {
  return route(
    {
      ...docs,
      methods: ['post'],
      access: ADMINS,
      tag: 'Operations',
      body: sentPayloads,
      // The body is Temporal's, and may have more members in a later version of it.
      isLenient: true,
      bodyLimitBytes: BODY_LIMIT_BYTES,
      limit: 'reads',
      responses: { 200: { description: 'The same payloads, converted', schema: payloads } },
    },
    async ({ body }) => {
      const converted = await convert(body.payloads.map(fromJson));
      return withSecret(200, { payloads: converted.map(toJson) });
    },
  );
}

function fromJson({ metadata = {}, data = '' }: SentPayload): Payload {
  return {
    metadata: Object.fromEntries(
      Object.entries(metadata).map(([name, value]) => [name, Buffer.from(value, 'base64')]),
    ),
    data: Buffer.from(data, 'base64'),
  };
}

function toJson({ metadata, data }: Payload): SentPayload {
  return {
    metadata: Object.fromEntries(
      Object.entries(metadata ?? {}).map(([name, value]) => [name, Buffer.from(value).toString('base64')]),
    ),
    data: Buffer.from(data ?? []).toString('base64'),
  };
}
