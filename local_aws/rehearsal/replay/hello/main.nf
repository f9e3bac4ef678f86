// The same four tasks as the published `hello`, in words of our own.
nextflow.enable.dsl = 2

process sayHello {
    input:
    val greeting

    output:
    stdout

    script:
    """
    echo '${greeting} world!'
    """
}

workflow {
    channel.of('Bonjour', 'Ciao', 'Hello', 'Hola') | sayHello | view
}
