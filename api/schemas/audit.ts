import { z } from 'zod';
import { AUDIT_SUBJECTS } from '../../domain/audit/types';
import { count, line, pageOf, time } from './common';

const values = z.record(z.string(), z.unknown()).nullable();

export const auditEntry = z
  .object({
    id: count,
    at: time,
    actor: z.string().meta({
      description: '`user:<id>`, `service:<id>` or `anonymous`; of a command the account that ran it',
    }),
    onBehalfOf: z.string().nullable().meta({ description: 'Id of the customer for whom they did it' }),
    action: z.string().meta({ examples: ['api_key.revoked'] }),
    subject: z.object({ type: z.string(), id: z.string() }),
    before: values.meta({ description: 'Members that changed, as they were' }),
    after: values.meta({ description: 'The same as they are since' }),
    requestId: z
      .string()
      .nullable()
      .meta({ description: 'The `X-Holdfast-Request-Id` of the response; null: a command' }),
    address: z
      .string()
      .nullable()
      .meta({ description: 'From where the actor asked. For admins; null otherwise, and once it is erased' }),
    personal: z.object({ person: z.string(), before: values, after: values }).nullable().meta({
      description:
        'Personal values that changed, and whose they are. For admins; null otherwise, and once erased',
    }),
  })
  .meta({ id: 'AuditEntry' });

export const auditPage = pageOf('AuditPage', auditEntry);

/** `type:id`; the id may have colons. */
export const auditSubject = line(400)
  .transform((text) => {
    const [type = '', ...id] = text.split(':');
    return { type, id: id.join(':') };
  })
  .pipe(
    z.object({ type: z.enum(AUDIT_SUBJECTS), id: z.string().min(1, 'must be a type, a colon and an id') }),
  )
  .meta({
    description: `What it was done to: its type and id with a colon between. Types: ${AUDIT_SUBJECTS.join(', ')}`,
    examples: ['order:0b0e…', 'product:LAPTOP-001'],
  });
