import { userInfo } from 'node:os';

/** Who types the command: their account of the operating system. */
export function operator(): string {
  return userInfo().username;
}
