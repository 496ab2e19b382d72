import { DefaultFailureConverter } from '@temporalio/common';

/**
 * Puts messages and stacks of failures into a payload, which the codec encrypts: they may name what a workflow was given. Failures from before
 * are read as they are. Loaded by its path, also into the bundle of the workflows, which cannot see the settings: the name is Temporal's.
 */
export const failureConverter = new DefaultFailureConverter({ encodeCommonAttributes: true });
