import { InvalidArgumentError, Option, type Command } from 'commander';
import { validate } from 'uuid';
import { SCOPES, SERVICE_ROLES, type KeyKind, type Scope, type ServiceRole } from '../domain/identity/types';
import { readCommandSettings } from './environment';
import { wholeNumber } from './whole-number';
import type { Output } from './output';

interface NewKeyOptions {
  scope: Scope[];
  label?: string;
  expiresDays?: number;
  publishable?: boolean;
}

/** `holdfast services …` and `holdfast keys …`: who may call the API. They work on the database, and so need no key themselves. */
export function addAccessCommands(program: Command, output: Output, finish: (code: number) => void): void {
  const settings = () => readCommandSettings({}, 'warn');

  const services = program.command('services').description('programs that call the API, and what they are');
  withKeyOptions(services.command('create'))
    .description('make a service with a key, which is printed this once')
    .argument('<name>', 'of the service')
    .addOption(
      new Option(
        '--role <role>',
        'service: what the scopes of its keys say; operator, admin: everything theirs',
      )
        .choices(SERVICE_ROLES)
        .makeOptionMandatory(),
    )
    .action(async (service: string, options: NewKeyOptions & { role: ServiceRole }) => {
      const { createServiceKey } = await import('./access.js');
      finish(await createServiceKey(settings(), { service, role: options.role, ...asKey(options) }, output));
    });
  services
    .command('list')
    .description('list services')
    .action(async () => {
      const { showServices } = await import('./access.js');
      finish(await showServices(settings(), output));
    });
  services
    .command('adopt-anonymous')
    .description('give one service what was made without sign-in: orders, holds, jobs, idempotency keys')
    .argument('<name>', 'of the service')
    .action(async (name: string) => {
      const { adoptForService } = await import('./access.js');
      finish(await adoptForService(settings(), name, output));
    });

  const keys = program.command('keys').description('API keys of services');
  withKeyOptions(keys.command('create'))
    .description('make another key of a service, which is printed this once')
    .argument('<service>', 'name of the service')
    .action(async (service: string, options: NewKeyOptions) => {
      const { createServiceKey } = await import('./access.js');
      finish(await createServiceKey(settings(), { service, role: undefined, ...asKey(options) }, output));
    });
  keys
    .command('list')
    .description('list keys, newest first')
    .option('--service <name>', 'only of this service')
    .action(async ({ service }: { service?: string }) => {
      const { showKeys } = await import('./access.js');
      finish(await showKeys(settings(), { service }, output));
    });
  keys
    .command('rotate')
    .description('make a key in the place of another, which goes on for a while')
    .argument('<id>', 'of the key', keyArgument)
    .option('--overlap <seconds>', 'how long the old key goes on', wholeNumber(0, 30 * 86_400), 86_400)
    .action(async (id: string, { overlap }: { overlap: number }) => {
      const { rotateServiceKey } = await import('./access.js');
      finish(await rotateServiceKey(settings(), { id, overlapSeconds: overlap }, output));
    });
  keys
    .command('revoke')
    .description('end a key at once')
    .argument('<id>', 'of the key', keyArgument)
    .action(async (id: string) => {
      const { revokeServiceKey } = await import('./access.js');
      finish(await revokeServiceKey(settings(), id, output));
    });
}

function withKeyOptions(command: Command): Command {
  return command
    .option('--scope <scopes...>', `what the key may do: ${SCOPES.join(', ')}`, scopeArgument, [])
    .option('--label <text>', 'for people')
    .option('--expires-days <days>', 'days until it expires (default: it does not)', wholeNumber(1, 3_660))
    .option('--publishable', 'a key for the pages of a shop, which reads availability only');
}

function asKey({ scope, label, expiresDays, publishable = false }: NewKeyOptions) {
  const kind: KeyKind = publishable ? 'publishable' : 'live';
  return {
    kind,
    scopes: scope,
    label: label ?? null,
    expiresInSeconds: expiresDays === undefined ? null : expiresDays * 86_400,
  };
}

function scopeArgument(text: string, previous: Scope[]): Scope[] {
  const scope = SCOPES.find((name) => name === text);
  if (!scope) throw new InvalidArgumentError(`Scopes are ${SCOPES.join(', ')}.`);
  return [...previous, scope];
}

function keyArgument(text: string): string {
  if (!validate(text))
    throw new InvalidArgumentError('The id of a key is a UUID: `holdfast keys list` has it.');
  return text.toLowerCase();
}
