// Bytecode for a Python that this machine does not have: node infra/compile.mjs 3.13 ROOT FOLDER…
//
// npm `pyodide` is CPython itself, built for WebAssembly. Its bytecode is that of every CPython of the same minor
// version (the magic number at the head of each file says so, and is checked by infra/bundle.py).
import { loadPyodide } from "pyodide";

const [wanted, root, ...folders] = process.argv.slice(2);
const python = await loadPyodide({ env: { PYTHONHASHSEED: "0" } });
const version = python.runPython("import sys; '%d.%d' % sys.version_info[:2]");
if (version !== wanted) {
  console.error(`npm pyodide carries Python ${version}, AWS runs ${wanted}: choose another version in package.json`);
  process.exit(1);
}
python.FS.mkdirTree("/in");
python.FS.mount(python.FS.filesystems.NODEFS, { root }, "/in");
for (const folder of folders) {
  const done = python.runPython(`
import compileall, py_compile
compileall.compile_dir("/in/${folder}", quiet=1, force=True, legacy=True, stripdir="/in",
                       invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
`);
  if (!done) process.exit(1);
}
