// osls has types for its plugins, none for these two. They are what `serverless` itself begins with.

declare module 'serverless/lib/configuration/read.js' {
  /** Reads serverless.yml, CloudFormation's tags included. */
  export default function read(path: string): Promise<Record<string, unknown>>;
}

declare module 'serverless/lib/configuration/variables/index.js' {
  /** Resolves `${…}` in place. @throws for a variable that can't be resolved. */
  export default function resolve(input: {
    serviceDir: string;
    configuration: Record<string, unknown>;
    options: Record<string, unknown>;
  }): Promise<void>;
}
