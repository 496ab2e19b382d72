/**
 * The environment in which Node writes nothing but below `writable`, as in a container whose files are read-only: by the permission
 * model of Node, which refuses its own calls of the file system whoever runs it.
 */
export function readOnlyExcept(writable: string): Record<string, string> {
  const permission = process.allowedNodeEnvironmentFlags.has('--permission')
    ? '--permission'
    : '--experimental-permission';
  const allowed = ['fs-read=*', `fs-write=${writable}`, 'addons', 'worker', 'child-process'];
  return {
    NODE_OPTIONS: [permission, ...allowed.map((what) => `--allow-${what}`)].join(' '),
    // It is told of as experimental on standard error.
    NODE_NO_WARNINGS: '1',
    TMPDIR: writable,
  };
}
