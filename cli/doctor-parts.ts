/** What `holdfast doctor` can be asked to look at. */
export const DOCTOR_PARTS = ['database', 'temporal', 'worker', 'api'] as const;

export type DoctorPart = (typeof DOCTOR_PARTS)[number];
