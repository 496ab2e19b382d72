import { Option, type Command } from 'commander';
import { USER_ROLES, type UserRole } from '../domain/identity/accounts/types';
import { readCommandSettings } from './environment';
import type { Output } from './output';

/** `holdfast users …` and `holdfast signing-keys …`: people's accounts. They work on the database, and so need no sign-in. */
export function addUserCommands(program: Command, output: Output, finish: (code: number) => void): void {
  const settings = () => readCommandSettings({}, 'warn');

  const users = program.command('users').description('accounts of people');
  users
    .command('create-admin')
    .description('make an account of an admin; its password is asked for, or comes from a file')
    .argument('<email>', 'with which they sign in')
    .option('--name <name>', 'of the person')
    .option('--password-file <path>', 'a file with the password in its first line; - is standard input')
    .action(async (email: string, options: { name?: string; passwordFile?: string }) => {
      const { createAdmin } = await import('./users.js');
      finish(await createAdmin(settings(), { email, ...options }, output));
    });
  users
    .command('list')
    .description('list accounts, newest first')
    .action(async () => {
      const { showUsers } = await import('./users.js');
      finish(await showUsers(settings(), output));
    });
  for (const status of ['disabled', 'active'] as const)
    users
      .command(status === 'disabled' ? 'disable' : 'enable')
      .description(
        status === 'disabled' ? 'let an account sign in no more, and end its sessions' : 'undo that',
      )
      .argument('<email>', 'of the account')
      .action(async (email: string) => {
        const { setUserRights } = await import('./users.js');
        finish(await setUserRights(settings(), email, { status }, output));
      });
  users
    .command('set-role')
    .description('change what an account may do, and end its sessions')
    .argument('<email>', 'of the account')
    .addOption(new Option('--role <role>', 'the new one').choices(USER_ROLES).makeOptionMandatory())
    .action(async (email: string, { role }: { role: UserRole }) => {
      const { setUserRights } = await import('./users.js');
      finish(await setUserRights(settings(), email, { role }, output));
    });

  program
    .command('signing-keys')
    .description('keys that sign access tokens')
    .command('rotate')
    .description('make a new key; what the old one has signed stays good until it ends')
    .option('--leaked', 'refuse within half a minute what the old one has signed')
    .action(async ({ leaked = false }: { leaked?: boolean }) => {
      const { rotateKeys } = await import('./users.js');
      finish(await rotateKeys(settings(), leaked, output));
    });
}
