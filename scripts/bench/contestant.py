"""What contestants in Python share: they answer one JSON object a line, see protocol.go."""
import json
import statistics
import sys
import time

import numpy


def read(inputs):
    return {a["name"]: numpy.fromfile(a["path"], a["elem"]).reshape(a["dims"]) for a in inputs}


def turn(run, milliseconds, least):
    times = []
    end = time.perf_counter() + milliseconds / 1000
    while len(times) < max(1, least) or time.perf_counter() < end:
        started = time.perf_counter()
        run()
        times.append(time.perf_counter() - started)
    return {"seconds": statistics.median(times), "runs": len(times)}


def peak():
    for line in open("/proc/self/status"):
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def forget_peak():
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")


def serve(make, version):
    """Answers requests: make(request, inputs) is a subject with run and output. Making it and its first
    run are what is timed of a load."""
    idle = subject = None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if request["do"] == "load":
                inputs = read(request["inputs"])
                forget_peak()
                idle = peak()
                started = time.perf_counter()
                subject = make(request, inputs)
                subject.run()
                answer = {"seconds": time.perf_counter() - started}
            elif request["do"] == "turn":
                answer = turn(subject.run, request.get("ms", 0), request.get("least", 0))
            elif request["do"] == "output":
                numpy.ascontiguousarray(subject.output(), numpy.float32).tofile(request["path"])
                answer = {}
            elif request["do"] == "memory":
                answer = {"bytes": peak(), "idle": idle, "version": version}
            else:
                answer = {"error": "cannot do " + request["do"]}
        except Exception as failure:  # whatever it is, the other side prints it
            answer = {"error": str(failure).split("\n")[0] or repr(failure)}
        print(json.dumps(answer), flush=True)
