import { execFile } from 'node:child_process';
import { cp, mkdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';

interface Instruction {
  name: string;
  rest: string;
}

interface Stage {
  image: string;
  /** By which later stages copy from it; empty: none does. */
  name: string;
  instructions: Instruction[];
}

/** The stages of a Dockerfile, with continued lines joined. */
function stagesOf(dockerfile: string): Stage[] {
  const stages: Stage[] = [];
  const lines = dockerfile.split('\n').filter((line) => !line.trimStart().startsWith('#'));
  for (const line of lines
    .join('\n')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')) {
    const [, name, rest = ''] = /^([A-Z]+) +(.+)$/.exec(line) ?? [];
    if (name === undefined) {
      if (line.trim() !== '') throw new Error(`not understood: ${line}`);
    } else if (name === 'FROM') {
      const [image = '', , stage = ''] = rest.split(/\s+/);
      stages.push({ image, name: stage, instructions: [] });
    } else stages.at(-1)?.instructions.push({ name, rest });
  }
  return stages;
}

export interface BuiltImage {
  /** Its files: what is `/app` in the image is `app` in here. */
  root: string;
  workdir: string;
  user: string;
  env: Record<string, string>;
  entrypoint: string[];
  healthcheck: string[];
}

/**
 * Carries out a Dockerfile without Docker, each stage in a folder: with the files of `context` that `.dockerignore` lets through, and with
 * `env` for its commands. Of instructions it knows those that the product's file has, and fails at any other.
 */
export async function buildImage(
  context: string,
  folder: string,
  env: NodeJS.ProcessEnv,
): Promise<BuiltImage> {
  const ignored = await readFile(join(context, '.dockerignore'), 'utf8');
  const [all, ...allowed] = ignored.split('\n').filter(Boolean);
  if (all !== '*' || allowed.some((line) => !/^![\w.-]+$/.test(line)))
    throw new Error('.dockerignore: everything, but for names of the top folder, is expected');
  const names = new Set(allowed.map((line) => line.slice(1)));
  const roots = new Map<string, string>();
  let image: BuiltImage | undefined;
  for (const [n, stage] of stagesOf(await readFile(join(context, 'Dockerfile'), 'utf8')).entries()) {
    const root = join(folder, `stage-${n}`);
    await mkdir(root, { recursive: true });
    image = { root, workdir: '/', user: 'root', env: {}, entrypoint: [], healthcheck: [] };
    for (const instruction of stage.instructions) await carryOut(instruction, image);
    roots.set(stage.name, root);
  }
  if (!image) throw new Error('the Dockerfile has no stage');
  return image;

  async function carryOut({ name, rest }: Instruction, into: BuiltImage): Promise<void> {
    const here = join(into.root, into.workdir);
    switch (name) {
      case 'WORKDIR':
        into.workdir = rest;
        await mkdir(join(into.root, rest), { recursive: true });
        return;
      case 'COPY':
        return copy(rest.split(/\s+/), here);
      case 'RUN':
        await promisify(execFile)('sh', ['-euc', rest], { cwd: here, env, maxBuffer: 64 * 1_048_576 });
        return;
      case 'ENV': {
        const [variable = '', value = ''] = rest.split('=');
        into.env[variable] = value;
        return;
      }
      case 'USER':
        into.user = rest;
        return;
      case 'ENTRYPOINT':
        into.entrypoint = JSON.parse(rest) as string[];
        return;
      case 'HEALTHCHECK':
        into.healthcheck = JSON.parse(/CMD (\[.+\])$/.exec(rest)?.[1] ?? '[]') as string[];
        return;
      case 'EXPOSE':
      case 'CMD':
        return;
      default:
        throw new Error(`not understood: ${name} ${rest}`);
    }
  }

  async function copy(words: readonly string[], here: string): Promise<void> {
    const from = /^--from=(.+)$/.exec(words[0] ?? '')?.[1];
    const paths = from === undefined ? words : words.slice(1);
    const [to = '', ...sources] = [...paths].reverse();
    const root = from === undefined ? context : roots.get(from);
    if (root === undefined) throw new Error(`there is no stage ${String(from)}`);
    for (const source of sources) {
      if (from === undefined && source !== '.' && !names.has(source))
        throw new Error(`.dockerignore keeps ${source} out`);
      const copied = source === '.' ? [...names] : [source];
      for (const path of copied) {
        // A folder's content goes into the folder that is named, a file into the one that is there.
        const named = source === '.' || to === './' ? join(to, basename(path)) : to;
        await cp(join(root, path), join(here, named), { recursive: true, verbatimSymlinks: true });
      }
    }
  }
}
