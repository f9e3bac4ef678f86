package nextflow.cloud.aws.batch

import nextflow.exception.ProcessException
import nextflow.executor.BashWrapperBuilder
import nextflow.processor.TaskHandler
import nextflow.processor.TaskRun
import nextflow.processor.TaskStatus

/**
 * Each submission becomes a line of the file `submitted`: process, queue, attempt and memory; one of
 * the file `images`; and one of the file `jobs`: job definition and tags. A queue whose name begins
 * with `spot` loses the host of each job.
 */
class AwsBatchTaskHandler extends TaskHandler {

    private Process job

    AwsBatchTaskHandler(TaskRun task, AwsBatchExecutor executor) {
        super(task)
    }

    protected String normalizeJobDefinitionName(String name) {
        return 'nf-' + name.replaceAll(/[^a-zA-Z0-9\-_]+/, '-')
    }

    /** The real one asks Batch, which is not here. */
    protected String findJobDef(String name, String token) {
        return null
    }

    @Override
    void prepareLauncher() {
        new BashWrapperBuilder(task.toTaskBean()).build()
    }

    @Override
    void submit() {
        final config = task.config
        final line = [task.processor.name, config.queue, config.attempt, config.memory].join(' ')
        synchronized (AwsBatchTaskHandler) {
            new File('submitted') << "$line\n"
            new File('images') << "${task.processor.name} ${task.container}\n"
        }
        final definition = normalizeJobDefinitionName(config.container ?: 'none')
        synchronized (AwsBatchTaskHandler) {
            new File('jobs') << "$definition ${config.getResourceLabels()}\n"
        }
        job = new ProcessBuilder('bash', '.command.run').directory(task.workDir.toFile()).start()
        status = TaskStatus.SUBMITTED
    }

    @Override
    boolean checkIfRunning() {
        if( !isSubmitted() )
            return false
        status = TaskStatus.RUNNING
        return true
    }

    @Override
    boolean checkIfCompleted() {
        if( !isRunning() || job.isAlive() )
            return false
        task.stdout = task.workDir.resolve(TaskRun.CMD_OUTFILE)
        task.stderr = task.workDir.resolve(TaskRun.CMD_ERRFILE)
        if( task.config.queue.startsWith('spot') )
            task.error = new ProcessException('Host EC2 (instance i-0abc) terminated.')
        else
            task.exitStatus = job.exitValue()
        status = TaskStatus.COMPLETED
        return true
    }

    @Override
    protected void killTask() {
        job.destroy()
    }
}
