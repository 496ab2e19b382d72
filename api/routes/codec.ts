import type { Payload } from '@temporalio/common';
import { payloadKeysOf } from '../../platform/config';
import { createPayloadCodec } from '../../platform/temporal/payload-codec';
import { ADMINS } from '../http/access';
import { CODEC_PATH } from '../http/paths';
import { route, type Route } from '../http/route';
import { payloads, type Payloads } from '../schemas/codec';
import type { ApiContext } from '../services/context';

type Sent = Payloads['payloads'][number];

/** A page of a history, which Temporal sends in at most 4 MiB, in Base64. */
const BODY_LIMIT_BYTES = 16_777_216;

/** Reads encrypted payloads to administrators, in Temporal's web UI and command line. Nothing is encrypted by it. */
export function codecRoutes({ settings }: Pick<ApiContext, 'settings'>): Route[] {
  const codec = createPayloadCodec(payloadKeysOf(settings));
  return [
    route(
      {
        methods: ['post'],
        path: CODEC_PATH,
        access: ADMINS,
        tag: 'Operations',
        summary: 'Decrypt payloads of workflows',
        description:
          "Temporal's codec protocol: name the address without `/decode` as its codec endpoint. Payloads that are not encrypted come back as they are. Pages of `TEMPORAL_UI_ORIGINS` may call it.",
        body: payloads,
        // The body is Temporal's, and may have more members in a later version of it.
        isLenient: true,
        bodyLimitBytes: BODY_LIMIT_BYTES,
        limit: 'reads',
        responses: { 200: { description: 'The same payloads, decrypted', schema: payloads } },
        problems: ['PAYLOAD_NOT_READABLE'],
      },
      async ({ body }) => {
        const decoded = await codec.decode(body.payloads.map(fromJson));
        const headers = { 'cache-control': 'no-store' };
        return { status: 200, body: { payloads: decoded.map(toJson) }, headers };
      },
    ),
  ];
}

function fromJson({ metadata = {}, data = '' }: Sent): Payload {
  return {
    metadata: Object.fromEntries(
      Object.entries(metadata).map(([name, value]) => [name, Buffer.from(value, 'base64')]),
    ),
    data: Buffer.from(data, 'base64'),
  };
}

function toJson({ metadata, data }: Payload): Sent {
  return {
    metadata: Object.fromEntries(
      Object.entries(metadata ?? {}).map(([name, value]) => [name, Buffer.from(value).toString('base64')]),
    ),
    data: Buffer.from(data ?? []).toString('base64'),
  };
}
