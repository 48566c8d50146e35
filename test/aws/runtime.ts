/** How a function is started: the program, its environment and its timeout. */
export interface Runtime {
  program: string;
  args: string[];
  cwd: string;
  environment: Record<string, string>;
  timeoutSeconds: number;
  functionArn: string;
}

/** An event for a function. */
export interface Invocation {
  event: unknown;
  /** Lambda's id of the invocation, which stays the same for a retry; by default a new one. */
  requestId?: string;
  /** What the client sent beside the event. */
  clientContext?: object;
}

/**
 * The result of a runtime: the JSON that the function or Lambda answered, and everything that was
 * logged.
 */
export interface Answer {
  body: string;
  logs: string;
}
