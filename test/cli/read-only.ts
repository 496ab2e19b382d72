/** The switch of Node's permission model: 20 has it under another name. */
const PERMISSION = process.allowedNodeEnvironmentFlags.has('--permission')
  ? '--permission'
  : '--experimental-permission';

/**
 * The environment in which Node writes nothing but below `writable`, as in a container whose files are read-only: by the permission
 * model of Node, which refuses its own calls of the file system whoever runs it.
 *
 * @param permission its switch in the Node that is started, unless that is this one
 */
export function readOnlyExcept(writable: string, permission = PERMISSION): Record<string, string> {
  const allowed = ['fs-read=*', `fs-write=${writable}`, 'addons', 'worker', 'child-process'];
  return {
    NODE_OPTIONS: [permission, ...allowed.map((what) => `--allow-${what}`)].join(' '),
    // It is told of as experimental on standard error.
    NODE_NO_WARNINGS: '1',
    TMPDIR: writable,
  };
}
