// node run.mjs PACKAGE FOLDER: runs the corpus of FOLDER with the CPython of an installed Pyodide, and prints what it says.
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [name, folder] = process.argv.slice(2);
const installed = createRequire(join(process.cwd(), "package.json")).resolve(`${name}/package.json`);
const { loadPyodide } = await import(pathToFileURL(join(installed, "..", "pyodide.mjs")));
const python = await loadPyodide({ stdout: (line) => process.stdout.write(`${line}\n`) });
python.mountNodeFS("/trueup", folder);
const corpus = `
import platform, sys

sys.dont_write_bytecode = True
sys.path[:0] = ["/trueup", "/trueup/shared"]
from tests.versions.corpus import digests, written

print(f"python {platform.python_version()} on {sys.platform}, {sys.maxsize.bit_length() + 1} bits")
print(written(digests()), end="")
`;
try {
  python.runPython(corpus);
} catch (error) {
  // Left alone, node would print the whole of Pyodide with it.
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
}
