import { z } from 'zod';
import { LOCALES, USER_ROLES, USER_STATUSES } from '../../domain/identity/accounts/types';
import { line, pageOf, time, uuid } from './common';

export const email = z.email().max(254).meta({ description: 'Compared without regard to capitals' });
const password = z.string().min(10).max(200);
/** One that is tried may be of any length that a body has. */
const triedPassword = z.string().min(1).max(1_000);
const token = z.string().min(1).max(200);
const name = line(200).nullable();

const locale = z.enum(LOCALES).meta({ description: 'In which language mails and notifications are' });

export const newUser = z
  .strictObject({ email, password, name: name.optional(), locale: locale.default('en') })
  .meta({ id: 'NewUser' });

export const accepted = z.object({ status: z.literal('accepted') }).meta({ id: 'Accepted' });

export const credentials = z.strictObject({ email, password: triedPassword }).meta({ id: 'Credentials' });

export const refreshToken = z.strictObject({ refreshToken: token }).meta({ id: 'RefreshToken' });

export const userRole = z.enum(USER_ROLES);
export const userStatus = z.enum(USER_STATUSES);

export const session = z
  .object({
    accessToken: z.string().meta({ description: 'For `Authorization: Bearer`' }),
    tokenType: z.literal('Bearer'),
    expiresIn: z.int().meta({ description: 'Seconds for which the access token is good' }),
    refreshToken: z.string().meta({ description: 'For `POST /auth/refresh`, once' }),
    user: z.object({ id: uuid, role: userRole }),
  })
  .meta({ id: 'Session' });

export const resetRequest = z.strictObject({ email }).meta({ id: 'PasswordResetRequest' });

export const passwordReset = z
  .strictObject({ token: token.meta({ description: 'From the mail' }), password })
  .meta({ id: 'PasswordReset' });

export const emailConfirmation = z
  .strictObject({
    token: token.meta({ description: 'From the mail' }),
    password: triedPassword
      .optional()
      .meta({ description: 'Of the account; needed of who is not signed in to it' }),
  })
  .meta({ id: 'EmailConfirmation' });

export const user = z
  .object({
    id: uuid,
    email: z.string().nullable().meta({ description: 'Null: erased' }),
    pendingEmail: z
      .string()
      .nullable()
      .meta({ description: 'The address that takes its place once it is confirmed' }),
    name: z.string().nullable(),
    locale,
    role: userRole,
    status: userStatus,
    emailConfirmed: z.boolean(),
    undeliverableSince: time.nullable().meta({
      description:
        'Since when the address is known to take no mail: nothing is sent there until another one, or this one anew, is confirmed',
    }),
    createdAt: time,
    updatedAt: time,
  })
  .meta({ id: 'User' });

export const userPage = pageOf('UserPage', user);

export const userUpdate = z
  .strictObject({
    name: name.optional(),
    locale: locale.optional(),
    email: z.strictObject({ address: email, password: triedPassword }).optional().meta({
      description:
        'Of oneself, with the password: another address, which counts once its mail is confirmed. The present one calls that off',
    }),
    password: z
      .strictObject({ current: triedPassword, new: password })
      .optional()
      .meta({ description: 'Of oneself. Ends all sessions' }),
    role: userRole.optional().meta({ description: 'By admins. Ends all sessions' }),
    status: userStatus.optional().meta({ description: 'By admins. Ends all sessions' }),
  })
  .refine((given) => given.email === undefined || given.password === undefined, {
    path: ['email'],
    error: 'does not go with password: a new password calls off another address',
  })
  .meta({ id: 'UserUpdate', description: 'What is not given stays.' });

export const erasureRequest = z
  .strictObject({
    password: triedPassword
      .optional()
      .meta({ description: 'Of oneself, where one has a password; of somebody else it is not asked for' }),
  })
  .meta({ id: 'ErasureRequest' });

export const erasure = z
  .object({
    userId: uuid,
    status: z.enum(['erasing', 'erased']),
    requestedAt: time,
    orders: z.int().meta({ description: 'Orders whose personal values were erased so far' }),
    finishedAt: time.nullable(),
  })
  .meta({ id: 'Erasure' });

export const keySet = z
  .object({
    keys: z.array(
      z.object({
        kty: z.literal('OKP'),
        crv: z.literal('Ed25519'),
        x: z.string(),
        kid: z.string(),
        alg: z.literal('EdDSA'),
        use: z.literal('sig'),
      }),
    ),
  })
  .meta({ id: 'JsonWebKeySet' });
