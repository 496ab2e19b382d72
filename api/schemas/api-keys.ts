import { z } from 'zod';
import { KEY_KINDS, SCOPES, SERVICE_ROLES } from '../../domain/identity/types';
import { line, name, pageOf, time, uuid } from './common';

const YEAR_SECONDS = 366 * 86_400;

const scopes = z.array(z.enum(SCOPES)).max(SCOPES.length);

export const newApiKey = z
  .strictObject({
    service: name(100).meta({ description: 'Of which it is. Made where there is none and `role` is given' }),
    role: z
      .enum(SERVICE_ROLES)
      .optional()
      .meta({ description: 'Of a service that is made; of one that there is it must be its role' }),
    kind: z.enum(KEY_KINDS).default('live').meta({
      description: '`publishable`: may be in the pages of a shop, and reads availability only',
    }),
    scopes: scopes.default([]).meta({ description: 'What it may do: of a service with the role `service`' }),
    label: line(200).optional().meta({ description: 'For people' }),
    expiresInSeconds: z
      .int()
      .min(1)
      .max(10 * YEAR_SECONDS)
      .optional()
      .meta({ description: 'Without it, it does not expire' }),
  })
  .meta({ id: 'NewApiKey' });

export const rotation = z
  .strictObject({
    overlapSeconds: z
      .int()
      .min(0)
      .max(30 * 86_400)
      .default(86_400)
      .meta({ description: 'How long the old key goes on' }),
  })
  .meta({ id: 'KeyRotation' });

const keyFields = {
  id: uuid,
  service: z.string(),
  role: z.enum(SERVICE_ROLES),
  kind: z.enum(KEY_KINDS),
  scopes: z.array(z.enum(SCOPES)),
  label: z.string().nullable(),
  status: z.enum(['active', 'expired', 'revoked']),
  replaces: uuid.nullable().meta({ description: 'Of which it takes the place' }),
  createdAt: time,
  createdBy: z.string(),
  expiresAt: time.nullable(),
  revokedAt: time.nullable(),
  lastUsedAt: time.nullable().meta({ description: 'To about a minute' }),
};

export const apiKey = z.object(keyFields).meta({ id: 'ApiKey' });

export const shownApiKey = z
  .object({ ...keyFields, key: z.string().meta({ description: 'The key itself: it is shown this once' }) })
  .meta({ id: 'ShownApiKey' });

export const apiKeyPage = pageOf('ApiKeyPage', apiKey);
