"""Delegate libraries of two kinds, compiled here: one takes over nothing, one finds no accelerator."""

import shutil
import subprocess
from pathlib import Path

import pytest

# as external_delegate_interface.h and common.h of TensorFlow Lite declare them
SOURCE = """
#include <stdint.h>
#include <stdlib.h>
typedef struct TfLiteDelegate {
  void* data;
  int (*prepare)(void* context, struct TfLiteDelegate* delegate);
  void *copy_from, *copy_to, *release;
  int64_t flags;
  void* opaque;
} TfLiteDelegate;
static int prepare(void* context, TfLiteDelegate* delegate) { return 0; }
TfLiteDelegate* tflite_plugin_create_delegate(char** keys, char** values, size_t n, void (*report)(const char*)) {
  if (!TAKES) { report("no accelerator found"); return NULL; }
  TfLiteDelegate* made = calloc(1, sizeof(TfLiteDelegate));
  made->prepare = prepare;
  return made;
}
void tflite_plugin_destroy_delegate(TfLiteDelegate* delegate) { free(delegate); }
"""


def compiled_delegate(folder: Path, *, takes: bool) -> Path:
    """Return a delegate library that runs the model as it is, or one that refuses; the test is skipped without cc."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler here")
    source, library = folder / "delegate.c", folder / f"libdelegate{int(takes)}.so"
    source.write_text(SOURCE)
    options = ["-shared", "-fPIC", f"-DTAKES={int(takes)}", "-o", library, source]
    subprocess.run([compiler, *map(str, options)], check=True)
    return library
