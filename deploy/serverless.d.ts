// osls has types for its plugins, but not for these modules of its command.

declare module 'serverless/lib/cli/conditionally-load-dotenv.js' {
  /** Loads .env, or .env.<stage>, where `useDotenv` is set. */
  export default function load(options: { stage?: string }, configuration: object): Promise<boolean>;
}

declare module 'serverless/lib/configuration/read.js' {
  /** Reads serverless.yml, CloudFormation's tags included. */
  export default function read(path: string): Promise<Record<string, unknown>>;
}

declare module 'serverless/lib/configuration/variables/index.js' {
  /** Resolves `${…}` in place. @throws for a variable that can't be resolved. */
  export default function resolve(input: {
    serviceDir: string;
    configuration: Record<string, unknown>;
    options: object;
    /** By default the sources env, file, opt and self. */
    sources?: Record<string, VariableSource>;
  }): Promise<void>;
}

declare module 'serverless/lib/utils/merge-plain-objects.js' {
  /**
   * Merges objects into the first one, and lists by index. Values that are no objects are ignored.
   */
  export default function merge<T extends object>(target: T, ...sources: unknown[]): T;
}

declare module 'serverless/lib/serverless-error.js' {
  /** An error that Serverless shows without a stack trace. */
  export default class ServerlessError extends Error {
    constructor(message: string, code: string);
  }
}

/** Resolves variables such as `${env:NAME}`. */
interface VariableSource {
  resolve(variable: { address?: string }): unknown;
}

declare module 'serverless/lib/configuration/variables/sources/instance-dependent/get-sls.js' {
  export default function slsSource(): VariableSource;
}

declare module 'serverless/lib/configuration/variables/sources/instance-dependent/param.js' {
  export default function paramSource(serverless: {
    configurationInput: object;
    processedInput: { options: { param?: string[] } };
  }): VariableSource;
}

declare module 'serverless/lib/configuration/variables/sources/*' {
  const source: VariableSource;
  export default source;
}
