import { NOBODYS_HASH, passwords } from '../../domain/identity/accounts/passwords';

const optionsOf = (hash: string) => hash.split('$').slice(0, 4).join('$');

test('a password fits its own hash only, in whatever composition it was typed', async () => {
  const hash = await passwords.hash('Zoë’s password');
  await expect(passwords.verify(hash, 'Zoe\u0308’s password')).resolves.toBe(true);
  await expect(passwords.verify(hash, 'Zoe’s password')).resolves.toBe(false);
});

test('argon2id with 19 MiB and two passes; nobody has a hash with the same options, that nothing fits', async () => {
  const hash = await passwords.hash('a password');
  expect(optionsOf(hash)).toBe('$argon2id$v=19$m=19456,t=2,p=1');
  expect(optionsOf(NOBODYS_HASH)).toBe(optionsOf(hash));
  await expect(passwords.verify(null, 'a password')).resolves.toBe(false);
});
