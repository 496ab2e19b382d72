import { z } from 'zod';

const bytes = z.base64().meta({ description: 'Base64' });

const payload = z
  .object({ metadata: z.record(z.string(), bytes).optional(), data: bytes.optional() })
  .meta({ id: 'Payload', description: "As Temporal's JSON has it" });

/** Of Temporal's codec protocol. Its web UI and command line send one request for a page of a history. */
export const payloads = z.object({ payloads: z.array(payload).max(50_000) }).meta({ id: 'Payloads' });

export type Payloads = z.output<typeof payloads>;
