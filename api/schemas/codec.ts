import { z } from 'zod';

const bytes = z.base64().meta({ description: 'Base64' });

const payload = z
  .object({ metadata: z.record(z.string(), bytes).optional(), data: bytes.optional() })
  .meta({ id: 'Payload', description: "As Temporal's JSON has it" });

export type SentPayload = z.output<typeof payload>;

/** Of Temporal's codec protocol. Its web UI and command line send one request for a page of a history. */
const list = z.array(payload).max(50_000);

export const payloads = z.object({ payloads: list }).meta({ id: 'Payloads' });
/** An empty list is left out in Temporal's JSON. */
export const sentPayloads = z.object({ payloads: list.default([]) }).meta({ id: 'SentPayloads' });
