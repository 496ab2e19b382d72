import { spawnSync } from 'node:child_process';

/** Tests that need a program which Go builds: without Go they are skipped, and reported as skipped. */
export const describeWithGo = spawnSync('go', ['version']).status === 0 ? describe : describe.skip;
