/** Source files as syntax trees: those of `Deno.lint`, so that no parser has to be installed. */

/** The project's folder, ending in a slash. */
export const PROJECT = new URL("../../", import.meta.url).pathname;

/** What a file says, as far as the house rules ask. */
export interface SourceFile {
  /** Path from the project's folder. */
  readonly path: string;
  readonly text: string;
  /** Module specifiers that it imports from or exports again. */
  readonly imports: readonly string[];
  /** Identifiers that are not names of properties, and `globalThis["names"]`. */
  readonly identifiers: ReadonlySet<string>;
  /** Member expressions, such as `Math.random`. */
  readonly members: ReadonlySet<string>;
}

/** Every TypeScript file below folders of the project, with its syntax. */
export function sourceFiles(...folders: readonly string[]): readonly SourceFile[] {
  return folders.flatMap((folder) => paths(folder)).sort().map(readSource);
}

/** Parses a file of the project. */
export function readSource(path: string): SourceFile {
  return parseSource(path, Deno.readTextFileSync(PROJECT + path));
}

/** Parses a text as a file of that path. */
export function parseSource(path: string, text: string): SourceFile {
  const imports: string[] = [];
  const identifiers = new Set<string>();
  const members = new Set<string>();
  const literal = (node: { readonly type: string }) => {
    // A specifier that is computed cannot be checked: it stands for itself, and is refused.
    imports.push("value" in node ? String(node.value) : `computed ${node.type}`);
  };
  const plugin: Deno.lint.Plugin = {
    name: "house",
    rules: {
      read: {
        create: ({ sourceCode }) => ({
          ImportDeclaration: ({ source }) => literal(source),
          ExportAllDeclaration: ({ source }) => literal(source),
          ExportNamedDeclaration: ({ source }) => source && literal(source),
          ImportExpression: ({ source }) => literal(source),
          MemberExpression(node) {
            const text = sourceCode.getText(node).replaceAll(/\s|\?/g, "");
            members.add(text);
            const [, name] = /^globalThis(?:\.|\[["'])(\w+)/.exec(text) ?? [];
            if (name !== undefined) identifiers.add(name);
          },
          Identifier(node) {
            if (!isPropertyName(node)) identifiers.add(node.name);
          },
        }),
      },
    },
  };
  Deno.lint.runPlugin(plugin, PROJECT + path, text);
  return { path, text, imports, identifiers, members };
}

function isPropertyName(node: Deno.lint.Identifier): boolean {
  const { parent } = node;
  switch (parent.type) {
    case "MemberExpression":
      return parent.property === node && !parent.computed;
    case "Property":
      return parent.key === node && !parent.computed && !parent.shorthand;
    case "MethodDefinition":
    case "PropertyDefinition":
    case "TSPropertySignature":
    case "TSMethodSignature":
      return parent.key === node;
    default:
      return false;
  }
}

function paths(folder: string): readonly string[] {
  return [...Deno.readDirSync(PROJECT + folder)].flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) return paths(path);
    return path.endsWith(".ts") && !path.endsWith(".d.ts") ? [path] : [];
  });
}
