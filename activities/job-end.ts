/** How a job ends that has no result. */
export interface JobEnd {
  jobId: string;
  /** Why it could not go on; absent: it was cancelled. */
  error?: { code: string; detail: string } | undefined;
}
