/** The generated file for a description. */
export function typesOf(description: object): Promise<string>;
