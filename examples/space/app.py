"""The demo as a Space: one page, as `dsmnet demo` serves it."""

from dsmnet.demo import serve

serve(host="0.0.0.0", port=7860)
