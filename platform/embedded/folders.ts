import { homedir } from 'node:os';
import { join } from 'node:path';

/** Holdfast's folder in the user's cache directory, where tools that were built or downloaded once are kept. */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  if (env.XDG_CACHE_HOME) return join(env.XDG_CACHE_HOME, 'holdfast');
  if (process.platform === 'win32')
    return join(env.LOCALAPPDATA ?? join(homedir(), 'AppData', 'Local'), 'holdfast');
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Caches', 'holdfast');
  return join(homedir(), '.cache', 'holdfast');
}
