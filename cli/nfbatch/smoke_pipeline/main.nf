// What `nfbatch smoke` runs: it reads and writes S3, waits until the head is lost, and overfills the
// first size of the scratch disk.

params.fill_gib = 1
params.pause_seconds = 30

process WRITE {
    output:
    path 'data.bin'

    script:
    """
    head -c 67108864 /dev/urandom > data.bin
    md5sum < data.bin
    """
}

process READ {
    input:
    path data

    output:
    env 'size'

    script:
    """
    size=\$(wc -c < ${data} | tr -d ' ')
    md5sum < ${data}
    test "\$size" -eq 67108864
    """
}

process PAUSE {
    input:
    val size

    output:
    val size

    script:
    """
    sleep ${params.pause_seconds}
    """
}

process FILL {
    input:
    val size

    output:
    stdout

    // Pieces, because one allocation that is larger than what is free fails at once. The worker grows
    // the disk in between, and stops the task if that takes longer.
    script:
    """
    for piece in \$(seq ${params.fill_gib}); do
        fallocate -l 1073741824 piece-\$piece
        sleep 0.5
    done
    echo "filled \$(ls piece-* | wc -l | tr -d ' ') GiB"
    rm -f piece-*
    """
}

workflow {
    data = WRITE()
    size = READ(data)
    FILL(PAUSE(size)).view { line -> "smoke: ${line.trim()}" }
}
