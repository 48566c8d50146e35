import { type Diagnosis, diagnosisText, doctorFailure } from '../../lib/doctor/diagnosis.ts';
import { type Command, EXIT } from './command.ts';

/** `npx autosnap doctor`: whether the deployment would work. */
export const doctor: Command = {
  summary: 'Checks accounts, rights, servers, schedules and alerts, with remedies. Changes nothing.',
  example: 'npx autosnap doctor --stage prod',
  options: {},
  needs: 'functions',
  isLocalToo: true,
  async run(_, { invoke, terminal, isJson }) {
    const diagnosis = await invoke<Diagnosis>('doctor', {}, 'The accounts and policies are checked');
    terminal.print(isJson ? JSON.stringify(diagnosis, null, 2) : diagnosisText(diagnosis, true));
    return doctorFailure(diagnosis) ? EXIT.trouble : EXIT.good;
  },
};
