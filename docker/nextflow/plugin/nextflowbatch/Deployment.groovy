package nextflowbatch

import java.nio.file.Path

import groovy.transform.CompileStatic
import groovy.transform.Immutable
import nextflow.exception.AbortOperationException
import nextflow.exception.ProcessUnrecoverableException
import nextflow.extension.FilesEx
import nextflow.processor.TaskRun

/**
 * The deployment that a task belongs to, as the head's variables say (docs/head.md).
 *
 * What it forbids, the roles' policies forbid too. Here the run ends in words that name the setting,
 * before a task ends with "access denied".
 */
@Immutable
@CompileStatic
class Deployment {

    /** The tag of a task's job, by which policies know whose it is. */
    static final String TAG = 'nextflow-deployment'

    /** https://docs.aws.amazon.com/batch/latest/APIReference/API_RegisterJobDefinition.html */
    private static final int LONGEST_NAME = 128

    /** Null if the head was started without one. */
    String name

    /** Below which tasks have their work directories. */
    String work

    /** What else tasks may write. */
    List<String> stores

    boolean privileged

    static Deployment of(Map<String, String> variables) {
        return new Deployment(
            variables.NF_DEPLOYMENT ?: null,
            variables.NF_WORKDIR ? withoutSlash(variables.NF_WORKDIR) : null,
            (variables.NF_STORE_DIRS ?: '').tokenize(',').collect { withoutSlash(it) },
            variables.NF_PRIVILEGED_TASKS == 'true')
    }

    /**
     * The name of a job definition, by which policies know whose it is.
     *
     * No deployment's name contains an underscore, so none begins with another and an underscore.
     *
     * @param usual Nextflow's own name for it, `nf-` and the image.
     */
    String definition(String usual) {
        if( !name || !usual )
            return usual
        final prefix = "nf-${name}_"
        final image = usual.substring('nf-'.length())
        if( prefix.length() + image.length() <= LONGEST_NAME )
            return prefix + image
        final hash = image.md5()
        return prefix + image.take(LONGEST_NAME - prefix.length() - hash.length() - 1) + '-' + hash
    }

    /** Adds the deployment's tag to those of a task; a pipeline cannot leave it out. */
    void label(TaskRun task) {
        if( name )
            task.config.put('resourceLabels', task.config.getResourceLabels() + [(TAG): name])
    }

    /** Refuses a work directory where tasks may not write. */
    void checkWork(Path folder) {
        final address = FilesEx.toUriString(folder)
        if( !work || !address.startsWith('s3:') )
            return
        final inside = address.startsWith("$work/") ? address.substring(work.length() + 1).tokenize('/') : []
        if( !('work' in inside.drop(1)) )
            throw new AbortOperationException("The work directory $address is not allowed: tasks can write only below $work/NAME/work; remove workDir, bucketDir or NXF_WORK")
    }

    /** Refuses a `storeDir` where tasks may not write. */
    void checkStore(TaskRun task) {
        final store = task.config.getStoreDir()
        final address = store ? FilesEx.toUriString(store) : ''
        if( work && address.startsWith('s3:') && !stores.any { "$address/".startsWith("$it/") } )
            throw new ProcessUnrecoverableException("storeDir $address is not allowed: tasks can write only in ${stores.join(', ') ?: 'their work directories'}; add the folder to storage.store_dirs in the settings, or use publishDir")
    }

    /** Refuses a container that has its host's privileges, be it that the pipeline uses Fusion. */
    void checkPrivileges(Boolean wanted) {
        if( name && wanted && !privileged )
            throw new ProcessUnrecoverableException("A privileged container is not allowed: set head.privileged_tasks in the settings to true, or remove --privileged from containerOptions, or Fusion")
    }

    private static String withoutSlash(String address) {
        return address.endsWith('/') ? address.substring(0, address.length() - 1) : address
    }
}
