/** The functions of a deployment, or those of the stage `local` on this machine. */
export interface Functions {
  /**
   * Runs a function until its end, once: it is never invoked a second time. The result may have
   * failures, by which the command judges it.
   *
   * @throws {FunctionFailed} if the function ends without a result; other errors if it is not known
   *   how it ends.
   */
  invoke(job: string, event: unknown): Promise<unknown>;
  close(): Promise<void>;
}

/** The error with which a function has ended: what Lambda answers, without the trace. */
export class FunctionFailed extends Error {
  override readonly name = 'FunctionFailed';
}

/** Settings of the AWS SDK's clients: the region, and the profile with the credentials. */
export interface ClientSettings {
  region: string;
  profile?: string;
}
