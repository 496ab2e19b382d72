/** What the areas whose jobs these are call once what they keep of them is removed. */
export {
  clearFile,
  deleteJobs as removeJobs,
  selectOldJobs as findOldJobs,
  selectOldJobsWithFile as findOldJobsWithFile,
} from './retention-queries';
